# A pod's program on the AWS SDK for Ruby: one client, its default chain, one call for each line of standard input.
# Versions before 3.176 take an endpoint in code only.
require "aws-sdk-core"
require "json"

$stdout.sync = true
sts = Aws::STS::Client.new(endpoint: ENV.fetch("AWS_ENDPOINT_URL_STS"))
$stdin.each_line do
  answer =
    begin
      { arn: sts.get_caller_identity.arn }
    rescue StandardError => e
      { error: "#{e.class}: #{e.message}" }
    end
  puts answer.to_json
end

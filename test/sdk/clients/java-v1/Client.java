import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.securitytoken.AWSSecurityTokenService;
import com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder;
import com.amazonaws.services.securitytoken.model.GetCallerIdentityRequest;
import java.util.Scanner;

/**
 * A pod's program on the AWS SDK for Java v1: one client, its default chain, one call for each line of standard input.
 * This SDK takes an endpoint in code only.
 */
class Client {
  public static void main(String[] arguments) {
    AWSSecurityTokenService sts =
        AWSSecurityTokenServiceClientBuilder.standard()
            .withEndpointConfiguration(
                new EndpointConfiguration(
                    System.getenv("AWS_ENDPOINT_URL_STS"), System.getenv("AWS_REGION")))
            .build();
    Scanner lines = new Scanner(System.in);
    while (lines.hasNextLine()) {
      lines.nextLine();
      System.out.println(answer(sts));
    }
  }

  private static String answer(AWSSecurityTokenService sts) {
    try {
      return "{\"arn\":\"" + sts.getCallerIdentity(new GetCallerIdentityRequest()).getArn() + "\"}";
    } catch (RuntimeException error) {
      String text = error.toString().replaceAll("[\"\\\\\\p{Cntrl}]+", "'");
      return "{\"error\":\"" + text + "\"}";
    }
  }
}

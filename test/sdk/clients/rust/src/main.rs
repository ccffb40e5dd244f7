//! A pod's program on the AWS SDK for Rust: one client, its default configuration, one call for each line of standard
//! input.
use aws_config::BehaviorVersion;
use aws_sdk_sts::error::DisplayErrorContext;
use std::io::{stdin, BufRead};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let client = aws_sdk_sts::Client::new(&config);
    for _ in stdin().lock().lines() {
        match client.get_caller_identity().send().await {
            Ok(identity) => println!("{{\"arn\":{:?}}}", identity.arn().unwrap_or_default()),
            Err(error) => println!("{{\"error\":{:?}}}", DisplayErrorContext(&error).to_string().replace('"', "'")),
        }
    }
}

import java.util.Scanner;
import software.amazon.awssdk.services.sts.StsClient;

/** A pod's program on the AWS SDK for Java v2: one client, its default chain, one call for each line of standard input. */
class Client {
  public static void main(String[] arguments) {
    StsClient sts = StsClient.create();
    Scanner lines = new Scanner(System.in);
    while (lines.hasNextLine()) {
      lines.nextLine();
      System.out.println(answer(sts));
    }
  }

  private static String answer(StsClient sts) {
    try {
      return "{\"arn\":\"" + sts.getCallerIdentity().arn() + "\"}";
    } catch (RuntimeException error) {
      String text = error.toString().replaceAll("[\"\\\\\\p{Cntrl}]+", "'");
      return "{\"error\":\"" + text + "\"}";
    }
  }
}

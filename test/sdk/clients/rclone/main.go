// rclone with the S3 back end and the commands that the suite uses, and without the seventy other back ends.
package main

import (
	_ "github.com/rclone/rclone/backend/s3"
	"github.com/rclone/rclone/cmd"
	_ "github.com/rclone/rclone/cmd/lsd"
)

func main() {
	cmd.Main()
}

//go:build whole

package upstream

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"timesink/cmd/internal/services/scenario"
)

var s3Clients = []scenario.Scenario{
	{Name: "aws-sdk-go-v2, S3", Needs: []string{"http"}, Open: openS3, Want: once},
}

// openS3 gets an object from a peer that answers any URL slowly.
func openS3(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	c := s3.New(s3.Options{
		Region: "none", UsePathStyle: true, BaseEndpoint: aws.String("http://" + env["http"]), HTTPClient: client(env, nil),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "nobody", SecretAccessKey: "nothing"}, nil
		}),
	})
	return func(ctx context.Context, w *scenario.Watch) error {
		ctx, s := traced(ctx, w)
		defer s.note()
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("slow"), Key: aws.String("object")})
		if err != nil {
			return err
		}
		return drain(out.Body)
	}, nil
}

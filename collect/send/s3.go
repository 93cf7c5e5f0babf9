package send

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"timesink/collect/capture"
)

// A bucket is a Store in an S3 bucket, Amazon's or of a server that speaks its protocol.
type bucket struct {
	client       *minio.Client
	name, prefix string
	at           string // the endpoint, for errors
	credentials  *credentials.Credentials
}

// The environment variables that name another server than Amazon's, and the region.
const (
	endpointEnv      = "AWS_ENDPOINT_URL_S3"
	endpointOfAllEnv = "AWS_ENDPOINT_URL"
	regionEnv        = "AWS_REGION"
	usualRegionEnv   = "AWS_DEFAULT_REGION"
)

const amazon = "https://s3.amazonaws.com"

// checksumKey is the metadata that holds a file's checksum: an ETag is one only of files that
// were sent in one piece.
const checksumKey = "Timesink-Sha256"

// openS3 returns the store that s3://BUCKET/PREFIX names. It asks for nothing yet.
func openS3(text string) (Store, error) {
	name, prefix, query, err := bucketOf(text)
	if err != nil {
		return nil, err
	}
	endpoint := firstOf(query.Get("endpoint"), os.Getenv(endpointEnv), os.Getenv(endpointOfAllEnv), amazon)
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, &capture.Error{Op: "read the endpoint of the bucket", Err: errors.New("it is no http:// or https:// URL without credentials"), Hint: "write it as http://host:9000"}
	}
	b := &bucket{name: name, prefix: prefix, at: u.Scheme + "://" + u.Host, credentials: s3Credentials()}
	b.client, err = minio.New(u.Host, &minio.Options{
		Creds: b.credentials, Secure: u.Scheme == "https", Region: firstOf(query.Get("region"), os.Getenv(regionEnv), os.Getenv(usualRegionEnv)),
		MaxRetries: 3,
	})
	if err != nil {
		return nil, &capture.Error{Op: "open s3://" + name, Err: err, Hint: "check the endpoint"}
	}
	return b, nil
}

// s3Credentials returns the first credentials that there are: of the environment, of
// ~/.aws/credentials, or of the role that the platform gives to this container.
func s3Credentials() *credentials.Credentials {
	chain := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	for _, name := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		if os.Getenv(name) != "" { // otherwise it would ask an address that exists only in Amazon's machines
			chain = append(chain, &credentials.IAM{Client: &http.Client{Transport: http.DefaultTransport}})
			break
		}
	}
	return credentials.NewChainCredentials(chain)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// String names the endpoint too, unless it is Amazon's: buckets of two servers may have one
// name.
func (b *bucket) String() string {
	text := "s3://" + path.Join(b.name, b.prefix)
	if b.at != amazon {
		text += "?endpoint=" + b.at
	}
	return text
}

func (b *bucket) Create(_ context.Context, name string) (*File, error) {
	f, err := stage("", name, b.commit)
	if err != nil {
		return nil, &capture.Error{Op: "write a temporary file", Err: capture.Plain(err), Hint: "free some space, or set TMPDIR to a folder on another disk"}
	}
	return f, nil
}

// commit sends a file, unless the bucket has it already.
func (b *bucket) commit(ctx context.Context, f *File) (changed bool, err error) {
	key := path.Join(b.prefix, f.name)
	if err := b.allowed(); err != nil {
		return false, b.failed(key, err)
	}
	have, err := b.client.StatObject(ctx, b.name, key, minio.StatObjectOptions{})
	switch {
	case err == nil && have.Size == f.Size() && have.UserMetadata[checksumKey] == f.SHA256():
		return false, nil
	case err != nil && minio.ToErrorResponse(err).StatusCode != http.StatusNotFound:
		return false, b.failed(key, err)
	}
	_, err = b.client.FPutObject(ctx, b.name, key, f.temp.Name(), minio.PutObjectOptions{
		ContentType: "application/octet-stream", UserMetadata: map[string]string{checksumKey: f.SHA256()}, DisableContentSha256: strings.HasPrefix(b.at, "https:"),
	})
	if err != nil {
		return false, b.failed(key, err)
	}
	return true, nil
}

// errNoCredentials says that there is nothing to sign requests with.
var errNoCredentials = errors.New("no credentials")

// allowed reports whether there are credentials: without them the requests would go out
// unsigned, and be refused in ways that do not say why.
func (b *bucket) allowed() error {
	v, err := b.credentials.GetWithContext(nil)
	if err != nil || v.AccessKeyID == "" {
		return errNoCredentials
	}
	return nil
}

// failed returns an error for a user. The server's own words hold no secret: it is never
// sent one.
func (b *bucket) failed(key string, err error) error {
	answer := minio.ToErrorResponse(err)
	hint, kind := "", ErrUnreachable
	switch {
	case errors.Is(err, errNoCredentials):
		kind, hint = ErrUnauthorized, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials"
	case answer.Code == minio.NoSuchBucket:
		kind, hint = ErrMissing, "create the bucket "+b.name+" at "+b.at+", or correct its name"
	case answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusUnauthorized:
		kind, hint = ErrUnauthorized, "check the credentials (AWS_ACCESS_KEY_ID, ~/.aws/credentials) and that they allow to write there"
	case answer.StatusCode >= 400 && answer.StatusCode < 500:
		kind = ErrRefused
	case answer.StatusCode == 0:
		hint = "check that " + b.at + " can be reached"
	}
	return &capture.Error{Op: "write s3://" + path.Join(b.name, key), Err: &failure{kind: kind, said: s3Words(answer, err)}, Hint: hint}
}

func s3Words(answer minio.ErrorResponse, err error) string {
	if answer.StatusCode != 0 {
		return fmt.Sprintf("%s: %s", answer.Code, answer.Message)
	}
	return err.Error()
}

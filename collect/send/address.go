package send

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"timesink/collect/capture"
)

// bucketOf splits s3://BUCKET/PREFIX?endpoint=URL&region=NAME.
func bucketOf(text string) (bucket, prefix string, query url.Values, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		err = errors.New("it names no bucket")
	case u.User != nil:
		err = errors.New("credentials do not belong there")
	default:
		for name := range u.Query() {
			if name != "endpoint" && name != "region" {
				err = fmt.Errorf("it has no option %q", name)
			}
		}
	}
	if err != nil {
		return "", "", nil, &capture.Error{Op: "read the address of the bucket", Err: err, Hint: "write s3://BUCKET/PREFIX, and with ?endpoint=http://host:9000 for another server than Amazon's; credentials come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or from ~/.aws/credentials"}
	}
	return u.Host, strings.Trim(u.Path, "/"), u.Query(), nil
}

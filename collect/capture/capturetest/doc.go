// Package capturetest has what tests of collecting and keeping captures share.
package capturetest

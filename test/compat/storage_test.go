package compat

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/blob/s3"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

// storage is a kind of storage: the settings that choose it, and how many bytes its blob store holds.
type storage struct {
	name string
	open func(t *testing.T) (env []string, stored func() (int64, error))
}

var storages = []storage{{"sqlite+folder", sqliteFolder}, {"postgres+s3", postgresS3}}

func sqliteFolder(t *testing.T) ([]string, func() (int64, error)) {
	dir := t.TempDir()
	return []string{"CAIRN_BLOB_URL=file:" + dir}, func() (int64, error) { return folderSize(dir) }
}

func folderSize(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

func postgresS3(t *testing.T) ([]string, func() (int64, error)) {
	o := blobtest.S3(t)
	address := url.URL{Scheme: "s3", Host: o.Bucket, Path: "/" + o.Prefix, RawQuery: url.Values{
		"endpoint": {o.Endpoint}, "region": {o.Region}, "access_key": {o.AccessKey}, "secret_key": {o.SecretKey}}.Encode()}
	store, err := s3.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"CAIRN_DATABASE_URL=" + dbtest.URL(t, db.Postgres), "CAIRN_BLOB_URL=" + address.String()}
	return env, func() (int64, error) { return bucketSize(store) }
}

func bucketSize(store *s3.Store) (total int64, err error) {
	const page = 1000
	for after := ""; ; {
		objects, err := store.List(context.Background(), "", after, page)
		if err != nil {
			return 0, err
		}
		for _, o := range objects {
			total, after = total+o.Size, o.Key
		}
		if len(objects) < page {
			return total, nil
		}
	}
}

// meter serves the number of stored bytes, for scripts that ask what an upload cost.
func meter(t *testing.T, stored func() (int64, error)) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n, err := stored()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, n)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

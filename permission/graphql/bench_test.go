package graphql_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// usual is a document as clients write them.
const usual = `query ArticleList($first: Int = 20, $after: String, $where: ArticleFilter!) {
  articles(first: $first, after: $after, where: $where, orderBy: {field: CREATED_AT, direction: DESC}) {
    totalCount
    pageInfo { hasNextPage endCursor }
    edges {
      cursor
      node { ...ArticleParts author { id name avatar(size: 64) { url } } }
    }
  }
  categories(first: 50) { nodes { id name slug } }
  viewer { id name role { id name } }
}

fragment ArticleParts on Article {
  id
  title
  slug
  excerpt(length: 200)
  publishedAt
  tags { id name }
  cover { url(width: 1200, height: 630) alternativeText }
  comments(last: 3) { nodes { id body createdAt author { id name } } }
}
`

// usualBody is a body of 1 KB with the document in it.
func usualBody(tb testing.TB) []byte {
	tb.Helper()
	body, err := json.Marshal(map[string]any{
		"query": usual, "operationName": "ArticleList",
		"variables": map[string]any{"first": 20, "after": nil, "where": map[string]any{"title": "", "author": []int{1, 2, 3}}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return []byte(strings.Replace(string(body), `"title":""`, `"title":"`+strings.Repeat("x", max(0, 1024-len(body)))+`"`, 1))
}

// measure runs the function and reports the processor time beside the time on
// the clock, since that is also right on a busy machine.
func measure(b *testing.B, size int, run func(i int) error) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(size))
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for i := 0; b.Loop(); i++ {
		if err := run(i); err != nil {
			b.Fatal(err)
		}
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	used := after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
}

// BenchmarkRead reads bodies of 1 KB and a URL, whose documents are known or not.
func BenchmarkRead(b *testing.B) {
	r := reader(b)
	body := usualBody(b)
	b.Run("known", func(b *testing.B) {
		measure(b, len(body), func(int) error { _, err := r.ReadJSON(body); return err })
	})
	b.Run("new", func(b *testing.B) {
		r, body := reader(b), usualBody(b)
		name := body[strings.Index(string(body), "ArticleFilter")+1:][:12]
		measure(b, len(body), func(i int) error {
			for k := range name { // another document each time, of the same length
				name[k] = byte('0' + i%10)
				i /= 10
			}
			_, err := r.ReadJSON(body)
			return err
		})
	})
	query := "query=" + url.QueryEscape(usual)
	b.Run("known in URL", func(b *testing.B) {
		measure(b, len(query), func(int) error { _, _, err := r.ReadQuery(query); return err })
	})
}

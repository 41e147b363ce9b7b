package rest

import (
	"maps"
	"reflect"
	"slices"
)

// Limiter is for tests of it alone.
var NewLimiter = newLimiter

func (l *limiter) Take(key string) bool { return l.take(key) == 0 }
func (l *limiter) Size() int            { return len(l.young) + len(l.old) }

// MaxBuckets is how many a limiter has, twice at most.
const MaxBuckets = maxBuckets

// RouteForTest is a route as tests hold it against the document.
type RouteForTest struct {
	Method, Path string
	Parameters   []string
	Body         []string // names of fields; nil if it reads none
	Optional     bool
	Public       bool
}

// RoutesForTest are all routes.
func RoutesForTest() []RouteForTest {
	var all []RouteForTest
	for _, r := range routes() {
		one := RouteForTest{Method: r.method, Path: r.path, Parameters: r.parameters, Public: r.public, Optional: r.optional}
		if r.body != nil {
			one.Body = slices.Sorted(maps.Keys(fieldsOf(reflect.TypeOf(r.body))))
		}
		all = append(all, one)
	}
	return all
}

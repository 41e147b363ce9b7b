// Package openapitest holds the answers that the tests of package rest get against
// the OpenAPI document with a library. It is a module of its own, so that what the
// library needs reaches nobody who builds with Tokenreeve; it imports nothing of
// it either, but runs those tests and reads what they recorded.
package openapitest

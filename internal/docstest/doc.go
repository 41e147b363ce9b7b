// Package docstest holds the tests of README.md and of docs: what they show is
// run, what the code has is in them, and their links lead somewhere.
//
// The word behind ``` says what happens to a block; a word that is not in this
// list fails the test.
//
//	caddyfile         a whole configuration: the Caddy of the page loads it
//	caddyfile site    the same for lines of a site
//	caddyfile gate    for lines of the directive api_tokens
//	caddyfile global  for global options
//	json              a whole configuration: the Caddy of the page loads it
//	json gate         what the handler of the block before is in JSON
//	json admin        the same for a handler api_tokens_admin
//	json app          what the app of the block before is in JSON
//	syntax            the grammar above the parser in package caddymodule
//	console           lines that begin with "$ " are run, the others are their output
//	sql admin         what the administrator of a Postgres server runs
//	sql owner         what the owner of the tables runs
//	sh no-run         can't be run here; noRun lists all of them
//	yaml no-run       the same for what other systems run
//
// The blocks of a page are run in order, in a folder of the page's own. What
// was loaded last is there as Caddyfile, so that the commands find it, and is
// what curl talks to. Addresses and paths as people write them are replaced by
// free ones, and secrets, ids and times by words, see page.
//
// A console block behind the comment <!-- test: repeat --> is run again until
// its output is as it says: it shows something that comes true after a moment.
//
// A page with the comment <!-- test: postgres --> has a Postgres server of its
// own, empty at the beginning. ADMIN_URL, OWNER_URL and DATABASE_URL lead there,
// for the roles and the database that the page makes; see postgresURLs. With
// <!-- test: postgres tokens --> they are there, with the tables in them.
package docstest

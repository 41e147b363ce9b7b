package texts

var accounts = map[string]string{}

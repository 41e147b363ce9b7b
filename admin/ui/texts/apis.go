package texts

var apis = map[string]string{}

package texts

var roles = map[string]string{}

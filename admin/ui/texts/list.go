package texts

var list = map[string]string{}

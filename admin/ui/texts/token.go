package texts

var token = map[string]string{}

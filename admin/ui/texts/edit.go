package texts

var edit = map[string]string{}

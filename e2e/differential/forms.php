<?php
// For `php -S HOST:PORT forms.php`: the method is taken from $_POST, as Laravel,
// Symfony and Slim do.
$method = $_POST['_method'] ?? $_POST['X-HTTP-Method-Override'] ?? $_SERVER['REQUEST_METHOD'];
echo 'read:' . (is_string($method) && $method !== '' ? $method : 'POST') . ':';

<?php
// For `php -S HOST:PORT readers.php`: the method is taken from $_POST, as Laravel,
// Symfony and Slim do; the value of app from $_GET and, as Laravel does, from JSON.
if (str_starts_with($_SERVER['REQUEST_URI'], '/public/value')) {
    $from = $_SERVER['REQUEST_METHOD'] === 'GET' ? $_GET : (array) json_decode(file_get_contents('php://input'), true);
    $app = $from['app'] ?? '';
    echo 'read:' . (is_scalar($app) ? $app : json_encode($app)) . ':';
    return;
}
$method = $_POST['_method'] ?? $_POST['X-HTTP-Method-Override'] ?? $_SERVER['REQUEST_METHOD'];
echo 'read:' . (is_string($method) && $method !== '' ? $method : 'POST') . ':';

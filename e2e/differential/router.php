<?php
// A front controller, for `php -S HOST:PORT router.php` with SITE in the
// environment: it finds files by the address of the request, as it came or as
// a proxy in front is thought to have rewritten it.
$uri = $_SERVER['HTTP_X_ORIGINAL_URL'] ?? $_SERVER['HTTP_X_REWRITE_URL'] ?? $_SERVER['REQUEST_URI'];
$path = parse_url($uri, PHP_URL_PATH);
if (!is_string($path)) {
    $path = $_SERVER['PATH_INFO'] ?? '/';
}
// Up to a NUL, as everything that is written in C reads it.
$path = explode("\0", str_replace('\\', '/', urldecode($path)))[0];
$file = realpath(getenv('SITE') . '/' . $path);
if ($file === false || !is_file($file)) {
    http_response_code(404);
    echo 'none';
    return;
}
readfile($file);

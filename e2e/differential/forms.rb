# Rack's method override, which Rails uses too.
#
#     ruby forms.rb HOST:PORT
require 'rack'
require 'webrick'
require 'rack/handler/webrick'

app = Rack::MethodOverride.new(->(env) { [200, { 'Content-Type' => 'text/plain' }, ["read:#{env['REQUEST_METHOD']}:"]] })
host, port = ARGV[0].split(':')
$stderr = File.open(File::NULL, 'w') # what it says of forms that can't be read
at_once = ->(socket) { socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1) } # the body follows the head
Rack::Handler::WEBrick.run(app, Host: host, Port: port.to_i, AccessLog: [], Logger: WEBrick::Log.new(File::NULL), AcceptCallback: at_once)

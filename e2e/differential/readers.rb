# Rack's method override, which Rails uses too, and its parameters of queries.
#
#     ruby readers.rb HOST:PORT
require 'json'
require 'rack'
require 'webrick'
require 'rack/handler/webrick'

value = lambda do |env|
  request = Rack::Request.new(env)
  from = request.get? ? request.GET : JSON.parse(request.body.read)
  [200, { 'Content-Type' => 'text/plain' }, ["read:#{from.is_a?(Hash) ? from['app'] : nil}:"]]
rescue StandardError # it is not parsed
  [400, { 'Content-Type' => 'text/plain' }, ['unread']]
end
methods = Rack::MethodOverride.new(->(env) { [200, { 'Content-Type' => 'text/plain' }, ["read:#{env['REQUEST_METHOD']}:"]] })
app = ->(env) { env['PATH_INFO'].start_with?('/public/value') ? value.call(env) : methods.call(env) }
host, port = ARGV[0].split(':')
$stderr = File.open(File::NULL, 'w') # what it says of forms that can't be read
at_once = ->(socket) { socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1) } # the body follows the head
Rack::Handler::WEBrick.run(app, Host: host, Port: port.to_i, AccessLog: [], Logger: WEBrick::Log.new(File::NULL), AcceptCallback: at_once)

"""uWebSockets through socketify: a text on /ws goes to all clients of /ws, a text on /echo back to its sender."""
import sys

from socketify import App, CompressOptions, OpCode

app = App()
settings = {
    "compression": CompressOptions.DISABLED,
    "max_payload_length": 16 << 20,
    "max_backpressure": 16 << 20,
    "idle_timeout": 120,
}
app.ws("/ws", {
    **settings,
    "open": lambda socket: socket.subscribe("bench"),
    "message": lambda socket, message, opcode: app.publish("bench", message, opcode),
})
app.ws("/echo", {**settings, "message": lambda socket, message, opcode: socket.send(message, opcode)})
app.listen({"port": int(sys.argv[1]), "host": "127.0.0.1"}, lambda config: None)
app.run()

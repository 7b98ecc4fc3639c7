// The floor under the sidecar: a node:http server that reads a body and answers with as many bytes, and does nothing else.
// Usage: null-server.js <port> <socket> <bytes of its replies>.
import { createServer } from 'node:http'

const [port, socket, bytes] = process.argv.slice(2)
const body = JSON.stringify({ filler: 'x'.repeat(Number(bytes) - 13) })

let listening = 0
for (const place of [{ port: Number(port), host: '127.0.0.1' }, { path: socket }]) {
  const server = createServer((request, response) => {
    request.on('data', () => undefined)
    request.on('end', () => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      })
      response.end(body)
    })
  })
  server.listen(place, () => {
    if (++listening === 2) process.stderr.write('answering on both\n')
  })
}

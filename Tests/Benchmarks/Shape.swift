/// One kind of traffic.
enum Shape: String, CaseIterable, Codable, Sendable {
    /// Persistent connections, each sends 64 B and waits for 512 B, again and again.
    case requests = "rr"
    /// Connect, exchange 64 B for 512 B, close; then the next connection.
    case connections = "crr"
    /// The traffic of a MySQL client: wait for the greeting, log in, one query, quit.
    case mysql
    /// A few connections that stream from the server to the client.
    case download = "bulk-down"
    /// A few connections that stream from the client to the server.
    case upload = "bulk-up"
    /// Connections that have exchanged once and then stay silent.
    case idle

    /// The purpose of the shape, and the meaning of its number.
    var unit: String {
        switch self {
        case .requests: "requests"
        case .connections, .mysql: "connections"
        case .download, .upload: "MB"
        case .idle: "bytes"
        }
    }

    /// The units of work per unit of the load's count: it counts exchanges or bytes.
    func work(fromCount count: Int64) -> Double {
        switch self {
        case .download, .upload: Double(count) / 1e6
        case .requests, .connections, .mysql, .idle: Double(count)
        }
    }

    /// The server port, and so the proxy port, of the shape.
    var service: Service { self == .mysql ? .greeting : .plain }

    /// Concurrent connections; for `idle` the options have the number.
    var connectionCount: Int {
        switch self {
        case .requests, .connections, .mysql: 64
        case .download, .upload: 4
        case .idle: 8000
        }
    }

    /// The bytes of one exchange in order: positive when the client sends them, negative when the server does.
    var script: [Int32] {
        switch self {
        case .requests, .connections, .idle: Message.plainScript
        case .mysql: Message.greetingScript
        case .download, .upload: [Int32(Message.requestBytes)]
        }
    }
}

/// The side that sends first behind a port.
enum Service: String, CaseIterable, Sendable {
    /// The client; its first byte requests a service.
    case plain
    /// The server, like MySQL's.
    case greeting
}

/// The protocol of client and server.
enum Message {
    /// A client's first message to a plain server, and a query.
    static let requestBytes = 64
    /// The answer to a request or query.
    static let responseBytes = 512
    /// One plain exchange.
    static let plainScript: [Int32] = [Int32(requestBytes), -Int32(responseBytes)]
    /// Greeting, login, OK, query, result, quit: the sizes of a small MySQL session.
    static let greetingScript: [Int32] = [-78, 90, -11, Int32(requestBytes), -Int32(responseBytes), 5]

    /// First byte of a request for an exchange.
    static let exchange = UInt8(ascii: "E")
    /// First byte of a request for a stream from the server.
    static let download = UInt8(ascii: "D")
    /// First byte of a request after which the client streams.
    static let upload = UInt8(ascii: "U")

    /// The offset of the token in a client's message; the server's next message begins with it.
    static let tokenOffset = 8
    /// The length of a token.
    static let tokenBytes = 8
    /// The longest message of any script.
    static let bytesMax = 512
}

import Glibc
import LinuxIO
import Wire

/// The tasks of the executable when the coordinator starts it again.
enum Subcommands {
    /// `server plain@127.0.30.1 greeting@127.0.30.1 ...`: listens, writes the ports in one line, serves until its input ends.
    static func server(_ arguments: [String]) throws {
        var server = try Server()
        var ports: [String] = []
        for argument in arguments {
            let parts = argument.split(separator: "@")
            guard parts.count == 2, let service = Service(rawValue: String(parts[0])), let host = IPAddress(parts[1]) else {
                throw UsageError(message: "a listener takes SERVICE@ADDRESS, not \(argument)")
            }
            ports.append(String(try server.listen(on: .ip(host, port: 0), service: service)?.port ?? 0))
        }
        write(line: ports.joined(separator: " "))
        try server.run(until: 0)
    }

    /// `load SHAPE ADDRESS:PORT CONNECTIONS WARM-UP-MS WINDOW-MS PID,PID`: one run, its report in one line.
    static func load(_ arguments: [String]) throws {
        let usage = UsageError(message: "load SHAPE ADDRESS:PORT CONNECTIONS WARM-UP-MS WINDOW-MS PID,PID")
        guard arguments.count == 6, let shape = Shape(rawValue: arguments[0]), let destination = address(arguments[1]),
            let count = Int(arguments[2]), let warmUp = Int64(arguments[3]), let window = Int64(arguments[4])
        else { throw usage }
        let measured = arguments[5].split(separator: ",").compactMap { pid_t($0) }
        // A load always ends: SIGALRM kills it after a time limit.
        alarm(UInt32(60 + (warmUp + window) / 1000))
        let settings = LoadSettings(
            shape: shape, destination: destination, connectionCount: count, warmUp: .milliseconds(warmUp), window: .milliseconds(window),
            measured: measured)
        write(line: try run(settings).line)
    }

    /// One load run in this process.
    static func run(_ settings: LoadSettings) throws(SystemError) -> LoadReport {
        switch settings.shape {
        case .download, .upload:
            var load = try StreamLoad(settings)
            return load.run()
        case .requests, .connections, .mysql, .idle:
            var load = try ExchangeLoad(settings)
            return load.run()
        }
    }

    /// `1.2.3.4:5` as an address.
    static func address(_ text: String) -> SocketAddress? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let host = IPAddress(parts[0]), let port = UInt16(parts[1]) else { return nil }
        return .ip(host, port: port)
    }

    private static func write(line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = Glibc.write(1, bytes, bytes.count)
    }
}

extension LoadReport {
    /// The report in one line, for the coordinator.
    var line: String {
        let numbers = [count, windowNanoseconds, processorNanoseconds, memoryBefore, memoryAfter, errorCount, Int64(firstErrorCode)]
        return numbers.map(String.init).joined(separator: " ") + " " + firstErrorCall
    }

    /// Parses the output of `line`; `nil` for any other text.
    init?(line: String) {
        let words = line.split(maxSplits: 7, whereSeparator: { $0 == " " || $0 == "\n" })
        let numbers = words.prefix(7).compactMap { Int64($0) }
        guard words.count == 8, numbers.count == 7, let code = Int32(exactly: numbers[6]) else { return nil }
        count = numbers[0]
        windowNanoseconds = numbers[1]
        processorNanoseconds = numbers[2]
        memoryBefore = numbers[3]
        memoryAfter = numbers[4]
        errorCount = numbers[5]
        firstErrorCode = code
        firstErrorCall = String(words[7].prefix { $0 != "\n" })
    }

    /// The first error in words: "recv: Connection reset by peer".
    var firstError: String { SystemError(firstErrorCall, code: firstErrorCode).description }
}

/// An error of the command line.
struct UsageError: Error, Equatable, CustomStringConvertible {
    /// The error, and the correct form.
    let message: String
    /// See `message`.
    var description: String { message }
}

/// The command line's options.
struct Options: Equatable, Sendable {
    /// The kinds of traffic, in order.
    var shapes = Shape.allCases
    /// The proxies, in order.
    var proxies = ProxyKind.usual
    /// Rounds per shape.
    var rounds = 7
    /// Rounds of `idle`, each with new proxies.
    var idleRounds = 3
    /// Milliseconds of each slice's window.
    var sliceMilliseconds = 1500
    /// Milliseconds of warm-up before the window.
    var warmUpMilliseconds = 250
    /// Threads of each proxy: `nbthread`, or nginx's worker processes.
    var threads = 1
    /// Connections of `idle`.
    var idleConnectionCount = Shape.idle.connectionCount
    /// The JSON file for the results.
    var resultsFile: String?
    /// The tsukada under test; `nil` means the one beside this executable.
    var tsukada: String?

    /// The output of `--help`.
    static let usage = """
        usage: deploy/benchmark [--quick] [--shape SHAPE,...] [--proxies PROXY,...] [--json FILE]
                                [--threads N] [--rounds N] [--slice-ms N] [--idle-connections N] [--tsukada EXECUTABLE]

          --quick      3 rounds of short slices: about 40 s; the default is 7 rounds, about 4 minutes
          --shape      some of rr, crr, mysql, bulk (both directions), bulk-down, bulk-up, idle; default all
          --proxies    some of tsukada, haproxy, haproxy-splice, nginx; default tsukada,haproxy,nginx
          --threads N  threads of each proxy (nbthread, nginx's worker processes); default 1
          --json FILE  also write the results of every slice to FILE

        Exit status: 0 when every exchange succeeded, 1 when one failed or a proxy did not run, 2 for a wrong command line.
        """

    /// Reads the arguments.
    static func parse(_ arguments: [String]) throws(UsageError) -> Options {
        var options = Options()
        var rest = arguments[...]
        func value(of name: String) throws(UsageError) -> String {
            guard let value = rest.popFirst() else { throw UsageError(message: "\(name) needs a value; see --help") }
            return value
        }
        func number(of name: String, in range: ClosedRange<Int>) throws(UsageError) -> Int {
            let text = try value(of: name)
            guard let number = Int(text), range.contains(number) else {
                throw UsageError(message: "\(name) takes a number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
            }
            return number
        }
        while let argument = rest.popFirst() {
            switch argument {
            case "--quick": (options.rounds, options.idleRounds, options.sliceMilliseconds, options.warmUpMilliseconds) = (3, 1, 600, 100)
            case "--shape", "--shapes": options.shapes = try shapes(try value(of: argument))
            case "--proxies": options.proxies = try proxies(try value(of: argument))
            case "--rounds":
                options.rounds = try number(of: argument, in: 1...1000)
                options.idleRounds = min(options.idleRounds, options.rounds)
            case "--threads": options.threads = try number(of: argument, in: 1...64)
            case "--slice-ms": options.sliceMilliseconds = try number(of: argument, in: 50...60_000)
            case "--idle-connections": options.idleConnectionCount = try number(of: argument, in: 100...100_000)
            case "--json": options.resultsFile = try value(of: argument)
            case "--tsukada": options.tsukada = try value(of: argument)
            default: throw UsageError(message: "unknown option '\(argument)'; see --help")
            }
        }
        return options
    }

    private static func shapes(_ list: String) throws(UsageError) -> [Shape] {
        var shapes: [Shape] = []
        for name in list.split(separator: ",") {
            if name == "bulk" {
                shapes += [.download, .upload]
            } else if let shape = Shape(rawValue: String(name)) {
                shapes.append(shape)
            } else {
                throw UsageError(message: "unknown shape '\(name)'; known: bulk, \(Shape.allCases.map(\.rawValue).joined(separator: ", "))")
            }
        }
        guard !shapes.isEmpty else { throw UsageError(message: "--shape needs at least one shape; see --help") }
        return Shape.allCases.filter(shapes.contains)
    }

    private static func proxies(_ list: String) throws(UsageError) -> [ProxyKind] {
        var proxies: [ProxyKind] = []
        for name in list.split(separator: ",") {
            guard let proxy = ProxyKind(rawValue: String(name)) else {
                throw UsageError(message: "unknown proxy '\(name)'; known: \(ProxyKind.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            proxies.append(proxy)
        }
        guard !proxies.isEmpty else { throw UsageError(message: "--proxies needs at least one proxy; see --help") }
        return ProxyKind.allCases.filter(proxies.contains)
    }
}

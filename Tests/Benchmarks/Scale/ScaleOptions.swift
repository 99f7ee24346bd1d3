/// One kind of load whose cost may grow with the number of servers, sections or threads.
enum ScaleRow: String, CaseIterable, Sendable {
    /// A server's state is changed on the runtime socket.
    case change
    /// Half of the servers die at once, and return at once.
    case flip
    /// Servers are checked.
    case check
    /// More clients than all servers' `maxconn` admits.
    case queue
    /// Connections through `balance leastconn`.
    case leastconn
    /// A small session beside bulk sessions.
    case fair
    /// `show stat`.
    case stat
    /// A reload by the master.
    case reload
    /// An idle process.
    case idle
}

/// The options of `deploy/benchmark scale`.
struct ScaleOptions: Equatable, Sendable {
    /// Rows, in order.
    var rows = ScaleRow.allCases
    /// The number of measurements of each case with each program; the median counts.
    var rounds = 1
    /// Only the smallest and the largest size, which suffice for the growth factors.
    var isQuick = false
    /// The tsukada under test; `nil` means the one beside this executable.
    var tsukada: String?

    /// The output of `--help`.
    static let usage = """
        usage: deploy/benchmark scale [--quick] [--row ROW,...] [--rounds N] [TSUKADA]

          --quick     only the smallest and the largest size, which give the same growth factors
          --row       some of \(ScaleRow.allCases.map(\.rawValue).joined(separator: ", ")); default all
          --rounds N  measurements of each case; the median counts; default 1

        Exit status: 0 when every case was measured, 1 when one failed, 2 for a wrong command line.
        """

    /// Reads the arguments.
    static func parse(_ arguments: [String]) throws(UsageError) -> ScaleOptions {
        var options = ScaleOptions()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--quick": options.isQuick = true
            case "--row", "--rows": options.rows = try rows(rest.popFirst() ?? "")
            case "--rounds":
                guard let rounds = rest.popFirst().flatMap({ Int($0) }), (1...100).contains(rounds) else {
                    throw UsageError(message: "--rounds takes a number from 1 to 100; see scale --help")
                }
                options.rounds = rounds
            case _ where argument.hasPrefix("-") || options.tsukada != nil: throw UsageError(message: "unknown option '\(argument)'; see scale --help")
            default: options.tsukada = argument
            }
        }
        return options
    }

    /// The sizes to measure out of `all`, which is in ascending order.
    func sizes(_ all: Int...) -> [Int] { isQuick && all.count > 2 ? [all[0], all[all.count - 1]] : all }

    private static func rows(_ list: String) throws(UsageError) -> [ScaleRow] {
        var rows: [ScaleRow] = []
        for name in list.split(separator: ",") {
            guard let row = ScaleRow(rawValue: String(name)) else {
                throw UsageError(message: "unknown row '\(name)'; known: \(ScaleRow.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            rows.append(row)
        }
        guard !rows.isEmpty else { throw UsageError(message: "--row needs at least one row; see scale --help") }
        return ScaleRow.allCases.filter(rows.contains)
    }
}

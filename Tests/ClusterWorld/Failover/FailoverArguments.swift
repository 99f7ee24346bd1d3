import Foundation
import Support

/// The command line of `deploy/failover-test`.
package struct FailoverArguments {
    /// The rows and programs to run.
    package enum Run {
        /// Two nodes behind a load balancer, with the number of seconds between two probes.
        case balanced([ProxyProgram], [BalancedRows.Row], interval: Double)
        /// Nodes and their databases. The results are also written to a document.
        case databases([DatabaseProgram], [DatabaseRows.Row], DatabasePace, document: String?)
    }

    /// The run that the arguments request.
    package let run: Run

    /// Parses pairs of name and value, and `--databases`.
    package init(_ words: [String]) throws {
        var values: [String: String] = [:]
        var rest = words.filter { $0 != "--databases" }[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw ChildProcessError(description: "\(name) needs a value") }
            values[name] = value
        }
        let proxy = values.removeValue(forKey: "--proxy")
        let rows = values.removeValue(forKey: "--rows")
        if words.contains("--databases") {
            let programs = try Self.chosen(proxy ?? "ours", of: DatabaseProgram.all, by: \.name, what: "program")
            let pace = try Self.pace(values.removeValue(forKey: "--pace") ?? "thorough")
            let chosen = try Self.chosen(rows ?? "all", of: DatabaseRows.all, by: \.name, what: "row")
            run = .databases(programs, chosen, pace, document: values.removeValue(forKey: "--document"))
        } else {
            let programs: [ProxyProgram] =
                switch proxy ?? "tsukada" {
                case "tsukada": [.tsukada]
                case "haproxy": [.haproxy]
                case "both": [.tsukada, .haproxy]
                case let other: throw ChildProcessError(description: "unknown program '\(other)'; known: tsukada, haproxy, both")
                }
            let text = values.removeValue(forKey: "--interval") ?? "1"
            guard let interval = Double(text), (0.2...30).contains(interval) else {
                throw ChildProcessError(description: "--interval takes a number of seconds from 0.2 to 30")
            }
            run = .balanced(programs, try Self.chosen(rows ?? "all", of: BalancedRows.all, by: \.name, what: "row"), interval: interval)
        }
        if let (name, value) = values.min(by: { $0.key < $1.key }) { throw ChildProcessError(description: "unknown argument: \(name) \(value)") }
    }

    private static func chosen<Choice>(_ text: String, of all: [Choice], by name: (Choice) -> String, what: String) throws -> [Choice] {
        if text == "all" { return all }
        return try text.split(separator: ",").map { wanted in
            guard let choice = all.first(where: { name($0) == wanted }) else {
                throw ChildProcessError(description: "unknown \(what) '\(wanted)'; known: \(all.map(name).joined(separator: ", "))")
            }
            return choice
        }
    }

    private static func pace(_ text: String) throws -> DatabasePace {
        switch text {
        case "thorough": .thorough
        case "brief": .brief
        default: throw ChildProcessError(description: "--pace takes thorough or brief")
        }
    }
}

import Wire

/// Which nodes a command is for: the words after it, `on node`, `on cluster [for TIME] [force]`.
enum RuntimeReach: Equatable, Sendable {
    /// As the section's `admin-scope` has it.
    case standard
    /// This node.
    case node
    /// All of them.
    case cluster(ClusterSpread)

    /// Reads the words; none, or others, are HAProxy's form of the command, which ignores what follows.
    ///
    /// - Throws: a sentence, for half of them: what was meant for all nodes, or for a time, must not happen here and for ever.
    static func parse(_ words: some Collection<String>) throws(RuntimeTargetError) -> RuntimeReach {
        var words = Array(words)[...]
        switch words.popFirst() {
        case "on": break
        case "node", "cluster", "for", "force": throw .refused(usage)
        default: return .standard
        }
        switch words.popFirst() {
        case "node" where words.isEmpty: return .node
        case "cluster": return .cluster(try ClusterSpread.parse(words))
        default: throw .refused(usage)
        }
    }

    fileprivate static let usage = "Require 'on node' or 'on cluster [for <time>] [force]'."
}

extension ClusterSpread {
    fileprivate static func parse(_ words: ArraySlice<String>) throws(RuntimeTargetError) -> ClusterSpread {
        var (words, spread) = (words, ClusterSpread())
        while let word = words.popFirst() {
            switch word {
            case "force":
                spread.isForced = true
            case "for" where spread.duration == nil:
                guard let time = words.popFirst().flatMap({ ConfigurationValue.time($0, standard: "s") }), time > .zero else {
                    throw .refused("'for' expects a time up to 24d, such as 10m.")
                }
                spread.duration = time
            default:
                throw .refused(RuntimeReach.usage)
            }
        }
        return spread
    }
}

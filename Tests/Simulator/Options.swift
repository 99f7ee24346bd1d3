/// The command line.
struct Options {
    enum Action: Equatable {
        case all
        case sweep(ClosedRange<UInt64>)
        case replay(UInt64)
        case hours(Int)
        case mutations
        case explore(depth: Int)
        case targets
    }

    static let usage = """
        usage: Simulator                                   all parts, in about two minutes
               Simulator --seeds A..B [--nodes N]          a range of seeds
               Simulator --replay SEED [--nodes N] [--trace]
               Simulator --hours H [--loss 30] [--bursts PERCENT] [--state FILE] [--part K/N]
                                                           H node-hours with changing loss, or with long bursts in
                                                           addition to loss; continues from FILE; the K-th of N processes
               Simulator --mutations | --explore [DEPTH] | --targets
        """

    var action = Action.all
    var nodes = 2
    var isTraced = false
    var weather = Hours.Weather.changing(lossMax: 30)
    var state: String?
    var part: UInt64 = 1
    var parts: UInt64 = 1

    /// `nil` when an argument is invalid.
    init?(_ arguments: [String]) {
        var rest = arguments[...]
        func number(_ limit: ClosedRange<Int>) -> Int? { rest.popFirst().flatMap { Int($0) }.flatMap { limit.contains($0) ? $0 : nil } }
        while let word = rest.popFirst() {
            switch word {
            case "--seeds":
                let bounds = rest.popFirst()?.split(separator: ".").compactMap { UInt64($0) } ?? []
                guard bounds.count == 2, bounds[0] <= bounds[1] else { return nil }
                action = .sweep(bounds[0]...bounds[1])
            case "--replay":
                guard let seed = rest.popFirst().flatMap({ UInt64($0) }) else { return nil }
                action = .replay(seed)
            case "--hours":
                guard let hours = number(1...10_000_000) else { return nil }
                action = .hours(hours)
            case "--explore": action = .explore(depth: rest.first?.hasPrefix("--") == false ? number(1...20) ?? 0 : Explorer.depth)
            case "--mutations": action = .mutations
            case "--targets": action = .targets
            case "--trace": isTraced = true
            case "--nodes":
                guard let count = number(2...16) else { return nil }
                nodes = count
            case "--loss":
                guard let percent = number(5...90) else { return nil }
                weather = .changing(lossMax: percent)
            case "--bursts":
                guard let percent = number(0...50) else { return nil }
                weather = .longBursts(loss: percent)
            case "--part":
                let numbers = rest.popFirst()?.split(separator: "/").compactMap { UInt64($0) } ?? []
                guard numbers.count == 2, (1...64).contains(numbers[1]), (1...numbers[1]).contains(numbers[0]) else { return nil }
                (part, parts) = (numbers[0], numbers[1])
            case "--state":
                guard let path = rest.popFirst() else { return nil }
                state = path
            default: return nil
            }
        }
    }
}

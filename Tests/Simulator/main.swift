import Glibc

/// The seeds of the default run by number of nodes, chosen to take less than two minutes.
let plan: [(nodes: Int, seeds: ClosedRange<UInt64>)] = [(2, 1...1_500), (3, 1...300), (5, 1...50), (16, 1...4)]

guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
    print(Options.usage)
    exit(2)
}

func sweep(_ seeds: ClosedRange<UInt64>, nodes: Int) throws -> Int {
    let result = try Sweep.run(seeds, nodes: nodes)
    print("\(nodes) nodes: \(result.seeds) seeds, \(result.steps) events, tables compared \(result.pulls) times, \(result.failures) failures")
    return result.failures
}

func explore(_ depth: Int) throws -> Int {
    var explorer = try Explorer()
    let violation = explorer.run(depth: depth)
    let result = violation.map { "\($0.rule) broken: \($0.text) by \(explorer.path.reversed())" } ?? "every invariant holds"
    print("explorer: depth \(depth), \(explorer.states) states, \(explorer.moves) moves, \(result)")
    return violation == nil ? 0 : 1
}

func measure() throws -> Int {
    var targets = Targets()
    try targets.run()
    return targets.missed
}

var failures = 0
switch options.action {
case .all:
    for part in plan { failures += try sweep(part.seeds, nodes: part.nodes) }
    failures += try Mutations.run() + explore(Explorer.depth) + measure()
case .sweep(let seeds):
    failures = try sweep(seeds, nodes: options.nodes)
case .replay(let seed):
    var settings = ScenarioSettings(seed: seed, nodes: options.nodes)
    settings.isTraced = options.isTraced
    let scenario = try Sweep.run(settings)
    if let failure = scenario.failure { Sweep.printFailure(failure, settings) }
    print("seed \(seed), \(options.nodes) nodes: \(scenario.steps) events, trace \(scenario.trace)")
    failures = scenario.failure == nil ? 0 : 1
case .hours(let hours):
    do {
        let state = try Hours(part: options.part, parts: options.parts, weather: options.weather).run(until: hours, file: options.state)
        print("\(state.falseDeaths) false deaths in \(state.nodeHours) node-hours")
        failures = state.falseDeaths
    } catch is Hours.ForeignState {
        print("\(options.state ?? ""): not the state of part \(options.part)/\(options.parts)")
        exit(2)
    }
case .mutations: failures = try Mutations.run()
case .explore(let depth): failures = try explore(depth)
case .targets: failures = try measure()
}
print(failures == 0 ? "no failures" : "\(failures) failures")
exit(failures == 0 ? 0 : 1)

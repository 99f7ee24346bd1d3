import Gossip

/// Runs seeds one after another.
struct Sweep {
    /// The result of a sweep.
    struct Result {
        var seeds = 0
        var steps = 0
        var pulls = 0
        var failures = 0
    }

    /// The limit on printed failures of a sweep.
    private static let failuresPrintedMax = 10

    static func run(_ settings: ScenarioSettings) throws -> Scenario {
        let scenario = try Scenario(settings)
        scenario.injectFaults()
        scenario.recover()
        return scenario
    }

    /// Runs every seed of `range`. Every twentieth runs twice and must give the same outputs.
    static func run(_ range: ClosedRange<UInt64>, nodes: Int) throws -> Result {
        var result = Result()
        for seed in range {
            let scenario = try run(ScenarioSettings(seed: seed, nodes: nodes))
            result.seeds += 1
            result.steps += scenario.steps
            result.pulls += scenario.pulls
            if let failure = scenario.failure {
                result.failures += 1
                if result.failures <= failuresPrintedMax { printFailure(failure, scenario.settings) }
            }
            guard seed % 20 == 0 else { continue }
            let again = try run(ScenarioSettings(seed: seed, nodes: nodes))
            guard again.trace != scenario.trace || again.steps != scenario.steps else { continue }
            result.failures += 1
            print("seed \(seed), \(nodes) nodes: two runs differ, \(scenario.steps) and \(again.steps) steps")
        }
        return result
    }

    static func printFailure(_ failure: Scenario.Failure, _ settings: ScenarioSettings) {
        print(
            "seed \(settings.seed), \(settings.nodes) nodes: \(failure.violation.rule) broken at step \(failure.step), \(failure.at.seconds) s: \(failure.violation.text)"
        )
        print("    swift run -c release Simulator --replay \(settings.seed) --nodes \(settings.nodes) --trace")
    }
}

import Gossip

/// Switches off each safety rule in turn. The seed must then break the invariant that the rule protects; with all rules it must break none.
enum Mutations {
    struct Mutation {
        let name: String
        let rule: SafetyRules
        let seed: UInt64
        let nodes: Int
        let breaks: String
        /// Two nodes can break it within the explorer's depth.
        var isWithinDepth = false
    }

    static let table: [Mutation] = [
        Mutation(name: "own observation", rule: .ownObservation, seed: 1, nodes: 3, breaks: "S10"),
        Mutation(name: "gap credit", rule: .gapCredit, seed: 110, nodes: 3, breaks: "S10"),
        Mutation(name: "proof before address", rule: .proofBeforeAddress, seed: 1, nodes: 2, breaks: "S13", isWithinDepth: true),
        Mutation(name: "window commit order", rule: .windowCommitOrder, seed: 3, nodes: 2, breaks: "S6"),
        Mutation(name: "refutation", rule: .refutation, seed: 1, nodes: 3, breaks: "S1"),
        Mutation(name: "own evidence", rule: .ownEvidence, seed: 1, nodes: 3, breaks: "S8", isWithinDepth: true),
        Mutation(name: "spacing", rule: .spacing, seed: 37, nodes: 3, breaks: "S8", isWithinDepth: true),
        Mutation(name: "min-up", rule: .minUp, seed: 2, nodes: 3, breaks: "S9"),
        Mutation(name: "session horizon", rule: .sessionHorizon, seed: 92, nodes: 2, breaks: "L1"),
        Mutation(name: "stamp horizon", rule: .stampHorizon, seed: 51, nodes: 2, breaks: "S3"),
    ]

    /// Returns the number of rules that were not shown to be needed.
    static func run() throws -> Int {
        var failures = 0
        for mutation in table {
            let mutated = try Sweep.run(settings(mutation, mutation.seed)).failure?.violation.rule
            let whole = try Sweep.run(ScenarioSettings(seed: mutation.seed, nodes: mutation.nodes)).failure?.violation.rule
            let isAsExpected = mutated == mutation.breaks && whole == nil
            print(
                "without \(mutation.name): seed \(mutation.seed), \(mutation.nodes) nodes, broken \(mutated ?? "no invariant"), expected \(mutation.breaks); with it: broken \(whole ?? "no invariant")"
            )
            guard !isAsExpected else { continue }
            // A change of the core changes what a seed draws. Another seed must then show the violation and replace the one in the table.
            guard let other = try find(mutation) else {
                failures += 1
                print("    no seed up to 3000 breaks it: the simulator does not detect it")
                continue
            }
            print("    seed \(other) breaks it: replace the seed in the table")
        }
        return try failures + explore()
    }

    /// The explorer must find, within its depth, the violations that the first moves of two nodes can cause.
    private static func explore() throws -> Int {
        var failures = 0
        for mutation in table where mutation.isWithinDepth {
            var explorer = try Explorer(rules: SafetyRules.all.subtracting(mutation.rule))
            let broken = explorer.run(depth: Explorer.depth)?.rule
            print("without \(mutation.name): the explorer breaks \(broken ?? "no invariant") after \(explorer.moves) moves, expected \(mutation.breaks)")
            if broken != mutation.breaks { failures += 1 }
        }
        return failures
    }

    private static func settings(_ mutation: Mutation, _ seed: UInt64) -> ScenarioSettings {
        ScenarioSettings(seed: seed, nodes: mutation.nodes, rules: SafetyRules.all.subtracting(mutation.rule))
    }

    private static func find(_ mutation: Mutation) throws -> UInt64? {
        for seed in 1...3_000 as ClosedRange<UInt64> where try Sweep.run(settings(mutation, seed)).failure?.violation.rule == mutation.breaks {
            if try Sweep.run(ScenarioSettings(seed: seed, nodes: mutation.nodes)).failure == nil { return seed }
        }
        return nil
    }
}

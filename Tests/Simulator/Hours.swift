import Glibc
import Gossip
import Simulation
import Support
import Wire

/// Long quiet runs of two nodes over a bad network: no living node may be declared dead.
struct Hours: Sendable {
    /// The progress of a run, from which it can continue.
    struct State: Equatable {
        var nextSeed: UInt64
        var nodeHours = 0
        var falseDeaths = 0

        /// Reads "next-seed N node-hours N false-deaths N". Each part of a run has one such line; the run's totals are the sums of hours and deaths. `nil` for
        /// other text.
        init?(_ text: String) {
            let words = text.split(whereSeparator: \.isWhitespace)
            guard words.count == 6, let seed = UInt64(words[1]), let hours = Int(words[3]), let deaths = Int(words[5]) else { return nil }
            (nextSeed, nodeHours, falseDeaths) = (seed, hours, deaths)
        }

        init(nextSeed: UInt64) { self.nextSeed = nextSeed }

        var text: String { "next-seed \(nextSeed) node-hours \(nodeHours) false-deaths \(falseDeaths)\n" }
    }

    /// The file contains no state, or that of another part.
    struct ForeignState: Error {}

    /// This process takes the seeds `part`, `part + parts`, `part + 2 * parts`, and so on: several processes share a run, and each seed runs once.
    var part: UInt64 = 1
    var parts: UInt64 = 1
    var weather = Weather.changing(lossMax: 30)

    /// The network's faults during an hour.
    enum Weather {
        /// Loss drawn for each hour and direction, at most this percentage, including bursts of up to 0.9 s.
        case changing(lossMax: Int)
        /// This percentage of loss all the time, and a burst of 0.85 to 0.9 s every minute. It is the hardest case to distinguish from a death, and shows
        /// within minutes what changing weather shows once in a thousand hours.
        case longBursts(loss: Int)
    }

    /// Runs one virtual hour of two nodes and returns the times of false deaths.
    func run(seed: UInt64) throws -> [Instant] {
        var random = SplitMix64(seed: seed)
        let seal = NullSeal()
        seal.isRemembering = false
        let world = try GossipWorld(nodes: 2, seed: random.next(), keeping: .datagrams(0), seal: seal)
        let watch = DeathWatch()
        world.probe = watch
        (world.network.delayMin, world.network.delayMax) = (.microseconds(100), .microseconds(300 + random.draw(10) * 500))
        switch weather {
        case .changing(let lossMax): change(world, lossMax: lossMax, &random)
        case .longBursts(let loss): burst(world, loss: loss, &random)
        }
        return watch.deaths
    }

    private func change(_ world: GossipWorld, lossMax: Int, _ random: inout SplitMix64) {
        // Half of the hours have constant loss; in the others it changes every few minutes.
        let isSteady = random.draw(2) == 0
        // Bursts and random loss together stay within the limit: at most one second in `pause` is silent.
        let pause = [20, 60, 200, 600][random.draw(4)]
        // A third of the hours has only bursts, so that the timeouts are not extended when one starts.
        let randomMax = random.draw(3) == 0 ? 1 : lossMax - 4
        world.network.lossOfSender = [random.draw(randomMax), random.draw(randomMax)]
        world.startAll()
        let end = world.now.advanced(by: .seconds(3_600))
        var nextChange = world.now.advanced(by: .seconds(300))
        while world.now < end {
            world.run(.milliseconds(pause * 500 + random.draw(pause * 1_000)))
            if !isSteady, nextChange <= world.now {
                world.network.lossOfSender = [random.draw(randomMax), random.draw(randomMax)]
                nextChange = world.now.advanced(by: .seconds(60 + random.draw(300)))
            }
            block(world, .milliseconds(random.draw(901)), &random)
        }
    }

    private func burst(_ world: GossipWorld, loss: Int, _ random: inout SplitMix64) {
        world.network.lossOfSender = [loss, loss]
        world.startAll()
        let end = world.now.advanced(by: .seconds(3_600))
        while world.now < end {
            world.run(.milliseconds(60_000 + random.draw(5_000)))
            block(world, .milliseconds(850 + random.draw(51)), &random)
        }
    }

    /// Blocks one direction or both for `duration`.
    private func block(_ world: GossipWorld, _ duration: Duration, _ random: inout SplitMix64) {
        switch random.draw(3) {
        case 0: world.network.blocked = [(0, 1)]
        case 1: world.network.blocked = [(1, 0)]
        default: world.partition([0], [1])
        }
        world.run(duration)
        world.heal()
    }

    /// Runs until `hours` node-hours are done in total, and writes the state every ten seeds. Throws `ForeignState`.
    func run(until hours: Int, file: String?) throws -> State {
        var state = State(nextSeed: part)
        if let file, let text = Self.read(file) {
            guard let saved = State(text), saved.nextSeed % parts == part % parts else { throw ForeignState() }
            state = saved
        }
        while state.nodeHours < hours {
            let deaths = try run(seed: state.nextSeed)
            for death in deaths { print("seed \(state.nextSeed): a false death at \(death.seconds) s") }
            // Flushed here, because the run may be ended at any time.
            fflush(nil)
            state.nextSeed += parts
            state.nodeHours += 2
            state.falseDeaths += deaths.count
            if let file, state.nodeHours % 20 == 0 || state.nodeHours >= hours { Self.write(state.text, to: file) }
        }
        return state
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// Replaces the file by a rename, because the run may be ended at any time.
    private static func write(_ text: String, to path: String) {
        guard let file = fopen(path + ".new", "w") else { return }
        fputs(text, file)
        fclose(file)
        rename(path + ".new", path)
    }
}

/// Records when a peer is declared dead.
final class DeathWatch: WorldProbe {
    private(set) var deaths: [Instant] = []

    func willHandle(_ input: GossipWorld.Input, at index: Int, in world: GossipWorld) {}

    func didHandle(_ input: GossipWorld.Input, at index: Int, outputs: GossipOutputs, in world: GossipWorld) {
        for case .peerChanged(_, .dead, _) in outputs.list { deaths.append(world.now) }
    }
}

extension SplitMix64 {
    fileprivate mutating func draw(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
}

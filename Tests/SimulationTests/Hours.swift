import Glibc
import Gossip
import Simulation
import Support
import Wire

/// Long quiet runs of two nodes over a bad network: nobody may be taken for dead who lives.
struct Hours: Sendable {
    /// What has been run so far: enough to go on from.
    struct State: Equatable {
        var nextSeed: UInt64
        var nodeHours = 0
        var falseDeaths = 0

        /// "next-seed N node-hours N false-deaths N", a line for each part of a run: the sums of hours and deaths are the whole run's.
        /// `nil` for anything else.
        init?(_ text: String) {
            let words = text.split(whereSeparator: \.isWhitespace)
            guard words.count == 6, let seed = UInt64(words[1]), let hours = Int(words[3]), let deaths = Int(words[5]) else { return nil }
            (nextSeed, nodeHours, falseDeaths) = (seed, hours, deaths)
        }

        init(nextSeed: UInt64) { self.nextSeed = nextSeed }

        var text: String { "next-seed \(nextSeed) node-hours \(nodeHours) false-deaths \(falseDeaths)\n" }
    }

    /// The file is no state, or another part's.
    struct ForeignState: Error {}

    /// This process takes the seeds `part`, `part + parts`, `part + 2 * parts`...: several processes share a run, and no hour is counted twice.
    var part: UInt64 = 1
    var parts: UInt64 = 1
    /// Loss drawn for each hour and direction, at most this many per cent, bursts included.
    var lossMax = 30

    /// One virtual hour of two nodes; the times of false deaths.
    func run(seed: UInt64) throws -> [Instant] {
        var random = SplitMix64(seed: seed)
        func draw(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
        let seal = NullSeal()
        seal.isRemembering = false
        let world = try GossipWorld(nodes: 2, seed: random.next(), keeping: .datagrams(0), seal: seal)
        let watch = DeathWatch()
        world.probe = watch
        (world.network.delayMin, world.network.delayMax) = (.microseconds(100), .microseconds(300 + draw(10) * 500))
        // Half of the hours have one loss all the time; in the others it changes every few minutes.
        let isSteady = draw(2) == 0
        // Bursts and random loss together stay within the limit: one second in `pause` at most is silent.
        let pause = [20, 60, 200, 600][draw(4)]
        // A third of the hours has nothing but bursts: then the timeouts have not grown when one comes.
        let randomMax = draw(3) == 0 ? 1 : lossMax - 4
        world.network.lossOfSender = [draw(randomMax), draw(randomMax)]
        world.startAll()
        let end = world.now.advanced(by: .seconds(3_600))
        var nextChange = world.now.advanced(by: .seconds(300))
        while world.now < end {
            world.run(.milliseconds(pause * 500 + draw(pause * 1_000)))
            if !isSteady, nextChange <= world.now {
                world.network.lossOfSender = [draw(randomMax), draw(randomMax)]
                nextChange = world.now.advanced(by: .seconds(60 + draw(300)))
            }
            switch draw(3) {
            case 0: world.network.blocked = [(0, 1)]
            case 1: world.network.blocked = [(1, 0)]
            default: world.partition([0], [1])
            }
            world.run(.milliseconds(draw(901)))
            world.heal()
        }
        return watch.deaths
    }

    /// Runs until `hours` are done in all, and writes the state every ten seeds; throws `ForeignState`.
    func run(until hours: Int, file: String?) throws -> State {
        var state = State(nextSeed: part)
        if let file, let text = Self.read(file) {
            guard let saved = State(text), saved.nextSeed % parts == part % parts else { throw ForeignState() }
            state = saved
        }
        while state.nodeHours < hours {
            let deaths = try run(seed: state.nextSeed)
            for death in deaths { print("seed \(state.nextSeed): a false death at \(death.seconds) s") }
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

    /// Whole or not at all: the run may be ended at any time.
    private static func write(_ text: String, to path: String) {
        guard let file = fopen(path + ".new", "w") else { return }
        fputs(text, file)
        fclose(file)
        rename(path + ".new", path)
    }
}

/// Notes when a peer is said to be dead.
final class DeathWatch: WorldProbe {
    private(set) var deaths: [Instant] = []

    func willTake(_ input: GossipWorld.Input, at index: Int, in world: GossipWorld) {}

    func hasTaken(_ input: GossipWorld.Input, at index: Int, outputs: GossipOutputs, in world: GossipWorld) {
        for case .peerChanged(_, .dead, _) in outputs.list { deaths.append(world.now) }
    }
}

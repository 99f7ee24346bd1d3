import Gossip
import Simulation
import Testing
import Wire

@Suite("Gossip's codec")
struct CodecTests {
    private let now = Instant(nanoseconds: 50_000_000_000)
    private let header = Header(
        kind: .delta, key: 1, cluster: 2, sender: NodeID(3), senderSession: 4, sequence: 5, receiver: NodeID(6), receiverSession: 7)

    private var records: [Record] {
        let observed = now.advanced(by: .milliseconds(-1_500))
        let health = HealthRow(
            observer: NodeID(1), session: 2, version: 3, server: ServerID(4), verdict: .down, code: 7, latency: 8, lag: 9, weight: 10, failures: 11,
            observed: observed, address: .ip(.v6(high: 1, low: 2), port: 3_306))
        var bare = health
        (bare.address, bare.verdict) = (nil, .blocked)
        var v4 = health
        v4.address = .ip(.v4(0x0a00_0001), port: 1)
        let administrative = AdministrativeRow(
            server: ServerID(1), stamp: HybridTime(bits: 2 << 16 | 3), origin: NodeID(4), state: .maint, weight: 256, expiry: 5)
        return [
            .beat(BeatRecord(tables: 1, configuration: 2, keys: 3, keysSeen: 4, receivedThrough: 5, silence: 6, loss: 7)),
            .handshake(HandshakeRecord(random: Bytes32(1, 2, 3, 4), echo: Bytes32(5, 6, 7, 8), highestSession: 9)),
            .range(from: 1, through: 2), .acknowledgement(through: 3, ping: 4),
            .member(MemberRow(node: NodeID(1), session: 2, refutations: 3, rank: .dead)), .health(health), .health(bare), .health(v4),
            .administrative(administrative),
            .administrative(AdministrativeRow(server: ServerID(1), stamp: HybridTime(bits: 1), origin: NodeID(1), state: .ready)),
            .lease(LeaseRow(name: 1, epoch: 2, stamp: HybridTime(bits: 3), holder: NodeID(4), version: 5, isHeld: true, expiry: now.advanced(by: .seconds(9)))),
            .ballot(BallotRow(node: NodeID(1), session: 2, version: 3, subject: 4, epoch: 5, choice: 6, isConfirmed: true)),
            .digest((0..<32).map { $0 }), .pull(3), .checkNow(ServerID(1)), .keys([1, 2]),
            .configuration(ConfigurationRecord(configuration: 1, total: 9, first: 7, parts: [.init(id: 2, hash: 3), .init(id: 4, hash: 5)])),
        ]
    }

    private func encoded(_ records: [Record]) -> [UInt8] {
        var bytes: [UInt8] = []
        for record in records { record.write(to: &bytes, now: now) }
        return bytes
    }

    private func decoded(_ bytes: [UInt8]) -> (records: [Record], unknown: Int, malformed: Int) {
        var reader = RecordReader(bytes[...], now: now)
        var read: [Record] = []
        while let record = reader.next() { read.append(record) }
        return (read, reader.unknown, reader.malformed)
    }

    @Test("reads every record as it was written")
    func roundTrip() {
        let (read, unknown, malformed) = decoded(encoded(records))
        #expect(read == records && unknown == 0 && malformed == 0)
    }

    @Test("rejects a record that is cut at any length")
    func truncation() {
        for record in records {
            let whole = encoded([record])
            #expect(whole.count <= GossipLimits.datagramBytesMax - Header.bytesCount - SealFormat.tagBytes)
            for count in 0..<whole.count {
                let (read, _, malformed) = decoded(Array(whole.prefix(count)))
                #expect(read.isEmpty && malformed == (count == 0 ? 0 : 1), "\(record) cut to \(count)")
            }
            // The same cuts with a length field that matches: keys and configuration parts may be shorter lists.
            for count in 3..<whole.count {
                var short = Array(whole.prefix(count))
                (short[1], short[2]) = (0, UInt8(count - 3))
                if case .keys = record { continue }
                if case .configuration = record { continue }
                #expect(decoded(short).records.isEmpty, "\(record) claims \(count - 3)")
            }
        }
    }

    @Test("skips and counts additions of later versions: unknown record types, extra bytes at the end of known records")
    func futureRecords() {
        let member = Record.member(MemberRow(node: NodeID(1), session: 2, refutations: 3, rank: .alive))
        var longer = encoded([member])
        longer[2] += 2
        let (read, unknown, malformed) = decoded([200, 0, 3, 1, 2, 3] + longer + [9, 9] + encoded([.pull(1)]))
        #expect(read == [member, .pull(1)] && unknown == 1 && malformed == 0)
    }

    @Test("reads at most 30 records of a datagram")
    func recordsAreLimited() {
        let (read, _, malformed) = decoded(encoded(Array(repeating: .pull(1), count: 40)))
        #expect(read.count == 30 && malformed == 1)
    }

    @Test("exposes the bytes that distinguish its cluster's datagrams from all others", arguments: [UInt64(0x0123_4567_89ab_cdef), 0, .max])
    func expectedBytes(cluster: UInt64) {
        func passes(_ header: Header) -> Bool {
            var bytes: [UInt8] = []
            header.write(to: &bytes)
            return Header.expectedBytes(cluster: cluster).allSatisfy { place in
                UInt16(bytes[Int(place.offset)]) << 8 | UInt16(bytes[Int(place.offset) + 1]) == place.value
            }
        }
        var own = header
        own.cluster = cluster
        #expect(passes(own))
        for bit in 0..<64 {
            var foreign = own
            foreign.cluster ^= 1 << bit
            #expect(!passes(foreign))
        }
    }

    @Test("reads a header as it was written, and rejects everything else")
    func headers() throws {
        var bytes: [UInt8] = []
        header.write(to: &bytes)
        #expect(bytes.count == Header.bytesCount)
        let whole = bytes + [UInt8](repeating: 0, count: SealFormat.tagBytes)
        #expect(try Header(whole[...]) == header)
        for count in 0..<whole.count { #expect(throws: Header.Problem.malformed) { try Header(whole.prefix(count)) } }
        var later = whole
        later[2] = 2
        #expect(throws: Header.Problem.unknownVersion(2)) { try Header(later[...]) }
        #expect(throws: Header.Problem.malformed) { try Header((whole + [UInt8](repeating: 0, count: 1_400))[...]) }
        // A slice whose indices do not begin at zero.
        #expect(try Header(([0, 0, 0] + whole)[3...]) == header)
    }

    @Test("never traps on random bytes, with and without the key", arguments: 0..<16 as Range<UInt64>)
    func randomBytes(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let world = try GossipWorld(nodes: 2, seed: seed)
        world.startAll()
        world.run(.seconds(1))
        let samples = world.history
        for _ in 0..<2_000 {
            var bytes = (0..<Int(random.next() % 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = decoded(bytes)
            if random.next() % 2 == 0, !samples.isEmpty {
                bytes = samples[Int(random.next() % UInt64(samples.count))].bytes
                for _ in 0...random.next() % 3 { bytes[Int(random.next() % UInt64(bytes.count))] ^= UInt8(1 << (random.next() % 8)) }
                if random.next() % 4 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
            }
            world.inject(bytes, from: GossipWorld.address(1), to: 0)
        }
        world.run(.seconds(1))
        #expect(world.allAlive, "seed \(seed)")
    }

    @Test("never traps on random rows from a sender that has the key", arguments: 0..<16 as Range<UInt64>)
    func mutatedRecords(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<2_000 {
            var bytes = encoded(records)
            for _ in 0...random.next() % 8 { bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next()) }
            for record in decoded(bytes).records {
                // A record that has been read can be written, and reads back the same.
                var again: [UInt8] = []
                record.write(to: &again, now: now)
                #expect(decoded(again).records == [record], "seed \(seed)")
            }
        }
    }
}

@Suite("The replay window")
struct ReplayWindowTests {
    @Test("accepts what its model accepts", arguments: 0..<32 as Range<UInt64>)
    func agreesWithTheModel(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var window = ReplayWindow()
        var accepted: Set<UInt64> = []
        var highest: UInt64 = 0
        for step in 0..<3_000 {
            let jump = random.next() % 50 == 0 ? random.next() % 3_000 : random.next() % 8
            let back = random.next() % 3 == 0 ? random.next() % 1_100 : 0
            let sequence = (highest + jump) > back ? highest + jump - back : 0
            let isFresh = sequence > 0 && !accepted.contains(sequence) && (sequence > highest || highest - sequence < ReplayWindow.bitsCount)
            #expect(window.isFresh(sequence) == isFresh, "seed \(seed), step \(step), \(sequence) at \(highest)")
            guard isFresh else { continue }
            window.commit(sequence)
            accepted.insert(sequence)
            highest = max(highest, sequence)
            guard step % 16 == 0 else { continue }
            let span = min(64, highest)
            let arrived = accepted.reduce(0) { $0 + ($1 + span > highest ? 1 : 0) }
            #expect(window.arrivals(ofLast: 64).arrived == arrived && window.arrivals(ofLast: 64).sent == Int(span), "seed \(seed), step \(step)")
        }
    }

    @Test("works at the end of the number range")
    func endOfRange() {
        var window = ReplayWindow()
        window.commit(.max)
        #expect(!window.isFresh(.max) && window.isFresh(.max - 1) && !window.isFresh(1) && !window.isFresh(0))
        window.commit(.max - 1)
        #expect(!window.isFresh(.max - 1) && window.highest == .max)
    }
}

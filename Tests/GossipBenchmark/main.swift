import Glibc

// Measures how many datagrams of strangers a gossip node rejects per second of its receiving thread's CPU time.
// `GossipBenchmark [SECONDS=2 [WORDS]]`: seconds for each number; only the lines with these words.
let seconds = CommandLine.arguments.dropFirst().first.flatMap(Double.init) ?? 2
let words = CommandLine.arguments.dropFirst(2).first ?? ""
alarm(UInt32(seconds * 60) + 60)
do {
    let junk = try Junk()
    print("datagrams rejected per second of CPU time        core alone   UDP socket")
    for sort in junk.sorts where words.isEmpty || sort.name.contains(words) {
        let core = Measuring.core(junk, sort, seconds: seconds)
        let socket = try Measuring.socket(junk, sort, seconds: seconds)
        for reading in [core, socket] where reading.counted * 100 < reading.datagrams * 98 {
            throw JunkError(message: "\(sort.name): only \(reading.counted) of \(reading.datagrams) ended in the expected counter")
        }
        func right(_ number: Int, _ width: Int) -> String { String(repeating: " ", count: max(0, width - "\(number)".count)) + "\(number)" }
        print(sort.name + right(core.rate, 59 - sort.name.count) + right(socket.rate, 13))
    }
} catch let error as JunkError {
    print("GossipBenchmark: \(error.message)")
    exit(1)
}

import Glibc
import LinuxIO
import Wire

/// The clock, a count and the CPU time at one moment.
struct Sample {
    private let instant: Instant
    private let count: Int64
    private let processorNanoseconds: Int64

    /// Samples the present values.
    init(of processes: [pid_t], count: Int64) {
        processorNanoseconds = ProcessAccounting.processorNanoseconds(of: processes)
        instant = MonotonicClock.now()
        self.count = count
    }

    /// The differences between this sample and `later`.
    func subtract(from later: Sample, into report: inout LoadReport) {
        report.count = later.count - count
        report.windowNanoseconds = instant.duration(to: later.instant).wholeNanoseconds
        report.processorNanoseconds = later.processorNanoseconds - processorNanoseconds
    }
}

/// The resources that processes have used, from /proc.
enum ProcessAccounting {
    /// CPU time of all threads of `processes`: the first field of each thread's schedstat.
    static func processorNanoseconds(of processes: [pid_t]) -> Int64 {
        threadFiles("schedstat", of: processes).reduce(0) { $0 + ($1.split(separator: " ").first.flatMap { Int64($0) } ?? 0) }
    }

    /// The number of times that threads of `processes` have gone to sleep, which equals their wake-ups within one per thread.
    static func voluntarySwitches(of processes: [pid_t]) -> Int64 {
        threadFiles("status", of: processes).reduce(0) { sum, text in
            let line = text.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
            return sum + (line?.split(separator: "\t").last.flatMap { Int64($0) } ?? 0)
        }
    }

    /// The contents of one file of /proc for each thread of `processes`.
    private static func threadFiles(_ name: String, of processes: [pid_t]) -> [String] {
        processes.flatMap { process in entries(of: "/proc/\(process)/task").map { read("/proc/\(process)/task/\($0)/\(name)") } }
    }

    /// The private memory of `processes`: anonymous and shared memory, with shared pages counted once.
    static func privateMemoryBytes(of processes: [pid_t]) -> Int64 {
        processes.reduce(0) { sum, process in
            sum + kilobytes(["Pss_Anon:", "Pss_Shmem:"], in: read("/proc/\(process)/smaps_rollup")) * 1024
        }
    }

    /// `process` and all its descendants.
    static func family(of process: pid_t) -> [pid_t] {
        var parents: [pid_t: pid_t] = [:]
        for name in entries(of: "/proc") {
            guard let number = pid_t(name), let parent = parent(inStat: read("/proc/\(number)/stat")) else { continue }
            parents[number] = parent
        }
        var family = [process]
        var index = 0
        while index < family.count {
            family += parents.filter { $0.value == family[index] }.keys.sorted()
            index += 1
        }
        return family
    }

    /// The sum of the lines of `text` that begin with one of `names`.
    static func kilobytes(_ names: [String], in text: String) -> Int64 {
        text.split(separator: "\n").reduce(0) { sum, line in
            let words = line.split(separator: " ")
            guard words.count >= 2, names.contains(String(words[0])) else { return sum }
            return sum + (Int64(words[1]) ?? 0)
        }
    }

    /// The parent in a line of /proc/PID/stat: the second field after the name, which is in parentheses and may contain any character.
    static func parent(inStat line: String) -> pid_t? {
        guard let close = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: close)...].split(separator: " ")
        return fields.count >= 2 ? pid_t(fields[1]) : nil
    }

    /// A small file's text, or an empty text when it cannot be read.
    static func read(_ path: String) -> String { (try? Files.read(path, bytesMax: 1 << 16)).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    private static func entries(of directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}

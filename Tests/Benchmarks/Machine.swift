import Glibc

/// The machine of a benchmark, and its other load during the run.
struct Machine: Codable, Sendable {
    /// Kernel release.
    let kernel: String
    /// The processor's name.
    let processor: String
    /// Processors that the benchmark may use.
    let processorCount: Int
    /// TCP congestion control.
    let congestionControl: String
    /// Descriptors per process.
    let descriptorLimit: Int
    /// The load average at the start.
    let loadAtStart: String
    /// The average number of processors that other processes used during the run.
    let othersBusy: Double
    /// The average number of processors that the hypervisor withheld.
    let stolen: Double

    /// Describes the machine, with the load since `start`. All children must have been reaped.
    ///
    /// - Parameter processorCount: processors that the benchmark could use.
    init(since start: Activity, processorCount: Int = Processors.allowed().count) {
        var name = utsname()
        uname(&name)
        kernel = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let model = ProcessAccounting.read("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
        processor = model.flatMap { $0.split(separator: ":").last }.map { String($0.drop { $0 == " " }) } ?? "unknown"
        self.processorCount = processorCount
        congestionControl = Machine.word("/proc/sys/net/ipv4/tcp_congestion_control")
        descriptorLimit = DescriptorLimit.current()
        loadAtStart = start.load
        (othersBusy, stolen) = Activity().difference(from: start)
    }

    /// The lines for the report's head.
    var lines: [String] {
        [
            "kernel \(kernel), \(processor), \(processorCount) processors",
            "TCP congestion control \(congestionControl), \(descriptorLimit) descriptors a process",
            "load average at the start \(loadAtStart); others used \(Report.fixed(othersBusy)) processors, the hypervisor withheld \(Report.fixed(stolen))",
        ]
    }

    /// The reason why the numbers are not reliable, or nil.
    var warning: String? {
        othersBusy + stolen > 0.1 ? "the machine was busy with other work; take these numbers as noise" : nil
    }

    private static func word(_ path: String) -> String { ProcessAccounting.read(path).split(separator: "\n").first.map(String.init) ?? "unknown" }
}

/// The counters of the machine and of this program's processes so far.
struct Activity {
    /// The load averages.
    let load: String
    private let seconds: Double
    private let busySeconds: Double
    private let stolenSeconds: Double
    private let ownSeconds: Double

    /// Reads the present counters.
    init() {
        load = ProcessAccounting.read("/proc/loadavg").split(separator: " ").prefix(3).joined(separator: " ")
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        seconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        let fields = ProcessAccounting.read("/proc/stat").split(separator: "\n").first?.split(separator: " ").dropFirst().compactMap { Double($0) } ?? []
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        // user, nice and system; hard and soft interrupts, which the kernel also counts for the interrupted process.
        busySeconds = (fields.prefix(3) + fields.dropFirst(5).prefix(2)).reduce(0, +) / ticks
        stolenSeconds = fields.count > 7 ? fields[7] / ticks : 0
        ownSeconds = [RUSAGE_SELF, RUSAGE_CHILDREN].reduce(0) { sum, whose in
            var usage = rusage()
            getrusage(whose.rawValue, &usage)
            let microseconds = Double(usage.ru_utime.tv_usec) + Double(usage.ru_stime.tv_usec)
            return sum + Double(usage.ru_utime.tv_sec) + Double(usage.ru_stime.tv_sec) + microseconds / 1e6
        }
    }

    /// The processors used by others, and withheld, since `earlier`.
    func difference(from earlier: Activity) -> (others: Double, stolen: Double) {
        let elapsed = max(0.001, seconds - earlier.seconds)
        let others = (busySeconds - earlier.busySeconds) - (ownSeconds - earlier.ownSeconds)
        return (max(0, others / elapsed), max(0, (stolenSeconds - earlier.stolenSeconds) / elapsed))
    }
}

/// The processors for the benchmark, and their distribution.
enum Processors {
    /// The numbers in this process's affinity mask.
    static func allowed() -> [Int] {
        let line = ProcessAccounting.read("/proc/self/status").split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
        return numbers(in: line?.split(whereSeparator: { $0 == "\t" || $0 == " " }).last.map(String.init) ?? "0")
    }

    /// The numbers of a list like "0-2,5".
    static func numbers(in list: String) -> [Int] {
        list.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return Array(first...last)
        }
    }

    /// The last processors are for the proxies, one for each thread of a proxy. All others are for the load and the servers. If none would remain,
    /// proxies, load and servers share all processors.
    static func split(_ allowed: [Int], threads: Int = 1) -> (proxies: String, load: String) {
        guard !allowed.isEmpty else { return ("0", "0") }
        let rest = allowed.count > threads ? allowed.dropLast(threads) : allowed[...]
        return (list(allowed.suffix(threads)), list(rest))
    }

    private static func list(_ numbers: ArraySlice<Int>) -> String { numbers.map(String.init).joined(separator: ",") }
}

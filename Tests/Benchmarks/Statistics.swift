/// The median and the extremes of numbers.
struct Spread: Equatable, Codable, Sendable {
    /// The median; the mean of the two middle values of an even number.
    let median: Double
    /// The smallest.
    let least: Double
    /// The largest.
    let greatest: Double

    /// `nil` when there are no values.
    init?(_ values: [Double]) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        let middle = sorted.count / 2
        median = sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
        least = first
        greatest = last
    }
}

/// One slice: one proxy, one shape, one round.
struct Slice: Equatable, Codable, Sendable {
    /// The traffic.
    let shape: Shape
    /// The proxy.
    let proxy: ProxyKind
    /// The round, from 0.
    let round: Int
    /// Units of work per second of the proxy's CPU; for `idle`, bytes of private memory per connection. 0: no measurement.
    let value: Double
    /// Units of work per second.
    let rate: Double
    /// CPU seconds of the proxy per second.
    let busy: Double
    /// Failed exchanges.
    let errorCount: Int64
    /// The first error in words.
    let firstError: String?
}

extension Slice {
    /// Creates the slice from a load's report.
    init(shape: Shape, proxy: ProxyKind, round: Int, report: LoadReport) {
        let work = shape.work(fromCount: report.count)
        let seconds = Double(report.windowNanoseconds) / 1e9
        let processorSeconds = Double(report.processorNanoseconds) / 1e9
        let value: Double
        if shape == .idle {
            value = report.count > 0 ? Double(report.memoryAfter - report.memoryBefore) / Double(report.count) : 0
        } else {
            value = processorSeconds > 0 ? work / processorSeconds : 0
        }
        var (errorCount, firstError) = (report.errorCount, report.errorCount > 0 ? report.firstError : nil)
        // A slice without work or without CPU time is invalid, even if it has no error.
        if errorCount == 0, shape == .idle ? report.count == 0 : value <= 0 { (errorCount, firstError) = (1, "nothing was measured") }
        self.init(
            shape: shape, proxy: proxy, round: round, value: value, rate: seconds > 0 ? work / seconds : 0,
            busy: seconds > 0 ? processorSeconds / seconds : 0, errorCount: errorCount, firstError: firstError)
    }
}

/// One row of the table: one proxy in one shape.
struct Row: Equatable, Codable, Sendable {
    /// The traffic.
    let shape: Shape
    /// The proxy.
    let proxy: ProxyKind
    /// Its value in the rounds.
    let value: Spread
    /// The ratios of this proxy's value to the reference's in the same round. `nil` without the reference.
    let ratio: Spread?
    /// The median of the rounds' rates.
    let rate: Double
    /// The median of the rounds' CPU use.
    let busy: Double
    /// The sum of the rounds' errors.
    let errorCount: Int64
    /// The first error in words.
    let firstError: String?

    /// One row for each shape and proxy of `slices`, in their order.
    static func rows(of slices: [Slice]) -> [Row] {
        Shape.allCases.flatMap { shape in
            ProxyKind.allCases.compactMap { proxy in row(of: slices.filter { $0.shape == shape }, proxy: proxy) }
        }
    }

    private static func row(of slices: [Slice], proxy: ProxyKind) -> Row? {
        let own = slices.filter { $0.proxy == proxy }
        // A round without a measurement has no value; its errors still count.
        // (A proxy that allocates all its memory at the start may grow by zero.)
        let measured = own.filter { $0.value > 0 || $0.shape == .idle && $0.errorCount == 0 }
        let ratios = measured.compactMap { slice in
            slices.first { $0.proxy == ProxyKind.reference && $0.round == slice.round && $0.value > 0 }.map { slice.value / $0.value }
        }
        guard let shape = own.first?.shape, let zero = Spread([0]) else { return nil }
        return Row(
            shape: shape, proxy: proxy, value: Spread(measured.map(\.value)) ?? zero, ratio: Spread(ratios),
            rate: Spread(measured.map(\.rate))?.median ?? 0, busy: Spread(measured.map(\.busy))?.median ?? 0,
            errorCount: own.reduce(0) { $0 + $1.errorCount }, firstError: own.compactMap(\.firstError).first)
    }
}

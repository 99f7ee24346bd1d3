/// The release of tsukada.
enum Release {
    /// The version.
    static let version = "0.1.0"
    /// The version that the runtime sockets report. It has no colon, because old Datadog agents split each line at colons and expect two parts.
    static let reportedVersion = "3.5-tsukada-\(version)"
    /// The date that the runtime sockets report.
    static let reportedDate = "2026/11/22"
}

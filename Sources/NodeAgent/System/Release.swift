/// Which release of tsukada this is.
enum Release {
    /// The version.
    static let version = "0.1.0"
    /// The version as the runtime sockets report it, without a colon: old Datadog agents split each line at it and want two parts.
    static let reportedVersion = "3.5-tsukada-\(version)"
    /// The date that the runtime sockets report.
    static let reportedDate = "2026/11/22"
}

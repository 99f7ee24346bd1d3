import Foundation
import Support

/// Scripted servers and clients on a node: `ClusterTool stage`.
package final class RunningStage: Sendable {
    private let process: NodeProcess
    private let control: StageControl

    /// Starts the process. It has no servers yet.
    package init(on node: Node) throws {
        let path = "\(node.directory)/run/stage"
        try? FileManager.default.removeItem(atPath: path)
        process = try node.start([clusterTool, "stage", "--socket", "/run/stage"])
        control = StageControl(path: path)
        let process = process
        try eventually(within: 10, "the stage on \(node.name): \(process.outside.output)") { FileManager.default.fileExists(atPath: path) }
    }

    /// Sends a request and returns what clients or servers have received.
    @discardableResult
    package func ask(_ request: StageRequest) throws -> [Transcript] { try control.ask(request) }

    /// Ends all servers and clients.
    package func stop() { _ = try? process.killAtOnce() }
}

import ClusterWorld
import Foundation
import Support

/// Clients of a node that connect, query and close until they are stopped.
final class LoadClient: Sendable {
    private let process: NodeProcess

    /// - Parameter slowOverMilliseconds: answered attempts above this limit are reported individually.
    init(on node: Node, target: Node, clients: Int, slowOverMilliseconds: Int) throws {
        process = try node.start(
            [
                clusterTool, "load", "--to", "\(target.address):3306", "--clients", "\(clients)", "--slow", "\(slowOverMilliseconds)", "--pause", "40",
            ], input: .heldPipe)
    }

    /// Ends the clients after their last attempt.
    func stop() throws -> LoadReport {
        process.outside.closeInput()
        try process.outside.wait(within: 40)
        return try JSONDecoder().decode(LoadReport.self, from: Data(process.outside.output.utf8))
    }
}

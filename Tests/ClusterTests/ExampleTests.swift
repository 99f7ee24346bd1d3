import ClusterWorld
import Foundation
import Testing

@Suite("The examples")
struct ExampleTests {
    @Test("carry the article's files byte for byte", arguments: ["tsukada01", "tsukada02"])
    func equalTheSeed(name: String) throws {
        let example = try String(contentsOfFile: "\(packageRoot)/deploy/examples/\(name)/haproxy.cfg", encoding: .utf8)
        #expect(try example == seedConfiguration(of: name))
    }
}

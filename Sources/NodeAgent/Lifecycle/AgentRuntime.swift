import Proxy
import Wire

/// What the runtime socket's commands change.
extension Agent: RuntimeTarget {
    func setState(_ state: AdministrativeState, of server: RuntimeServerName) throws(RuntimeTargetError) {
        apply(.setAdministrative(state), to: try reference(server))
    }

    func setWeight(_ weight: Int, of server: RuntimeServerName) throws(RuntimeTargetError) {
        apply(.setWeight(weight), to: try reference(server))
    }

    func weight(of server: RuntimeServerName) throws(RuntimeTargetError) -> RuntimeWeight {
        let status = registry.status(of: try reference(server))
        return RuntimeWeight(current: status.weight, initial: status.initialWeight)
    }

    private func reference(_ server: RuntimeServerName) throws(RuntimeTargetError) -> ServerReference {
        guard let backend = configuration.backends.firstIndex(where: { $0.name == server.backend }) else { throw .noSuchBackend }
        guard let place = configuration.backends[backend].servers.firstIndex(where: { $0.name == server.server }) else { throw .noSuchServer }
        return ServerReference(backend: backend, server: place)
    }
}

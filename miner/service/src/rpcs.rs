//! Which scope each method needs: one row for each method of each service on the port.

use super::caller::Scope;

/// What a caller needs for a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// An identity; any scopes.
    Identity,
    /// This scope.
    Scope(Scope),
}

/// A test compares the rows with the descriptors of the services.
const NEEDS: &[(&str, Need)] = &[
    ("/cityseal.v1.SealService/SubmitSeal", Need::Scope(Scope::Seal)),
    ("/cityseal.v1.SealService/CancelJob", Need::Scope(Scope::Seal)),
    ("/cityseal.v1.SealService/AdvanceTip", Need::Scope(Scope::Seal)),
    ("/cityseal.v1.SealService/GetJob", Need::Scope(Scope::Read)),
    ("/cityseal.v1.SealService/WatchJob", Need::Scope(Scope::Read)),
    ("/cityseal.v1.SealService/ListJobs", Need::Scope(Scope::Read)),
    ("/cityseal.v1.VerifyService/VerifyChain", Need::Scope(Scope::Verify)),
    ("/cityseal.v1.DeviceService/ListDevices", Need::Scope(Scope::Read)),
    ("/cityseal.v1.StatusService/GetStatus", Need::Scope(Scope::Read)),
    // Load balancers have a credential, but no business with the jobs.
    ("/grpc.health.v1.Health/Check", Need::Identity),
    ("/grpc.health.v1.Health/Watch", Need::Identity),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Need::Scope(Scope::Read)),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Need::Scope(Scope::Read)),
];

/// Returns what a method needs. A path without a method needs an identity, and is then answered UNIMPLEMENTED.
pub(crate) fn need_of(path: &str) -> Need {
    NEEDS.iter().find(|(method, _)| *method == path).map_or(Need::Identity, |(_, need)| *need)
}

/// Returns the name of a method without the leading `/`; `None` if the service has no such method.
pub(crate) fn method_of(path: &str) -> Option<&'static str> {
    NEEDS.iter().find(|(method, _)| *method == path).map(|(method, _)| &method[1..])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// All methods of a set of descriptors, as paths.
    fn methods(descriptors: &[u8]) -> Vec<String> {
        let set = FileDescriptorSet::decode(descriptors).unwrap();
        let services = set.file.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
        let paths = services.flat_map(|(file, service)| {
            let path = move |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
            service.method.iter().map(move |method| path(method.name()))
        });
        paths.collect()
    }

    #[test]
    fn every_method_of_every_service_has_a_row_and_every_row_a_method() {
        let sets = [
            cityseal_proto::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let served: BTreeSet<String> = sets.into_iter().flat_map(methods).collect();
        let rows: BTreeSet<String> = NEEDS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(rows, served, "rows (left), methods (right)");
        assert_eq!(rows.len(), NEEDS.len(), "no row occurs twice");
    }
}

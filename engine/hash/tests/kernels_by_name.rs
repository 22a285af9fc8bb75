//! Kernels by name, by constructor and by detection. Other test files check what kernels compute.

use cityseal_hash::{Features, HashKernel, KernelError, KernelName};

#[test]
fn every_kernel_that_this_cpu_can_run_passes_its_known_answer_test() {
    let names: Vec<_> = HashKernel::all_available().iter().map(|kernel| kernel.name()).collect();
    let expected: Vec<_> = Features::of_this_cpu().ladder().map(KernelName::as_str).collect();
    assert_eq!(names, expected);
}

#[test]
fn detection_chooses_the_first_kernel_of_the_ladder() {
    assert_eq!(Some(&HashKernel::detect()), HashKernel::all_available().first());
}

#[test]
fn a_name_gives_its_kernel_or_an_error_with_the_missing_features() {
    for name in KernelName::LADDER {
        match HashKernel::by_name(name.as_str()) {
            Ok(kernel) => assert_eq!(kernel.name(), name.as_str()),
            Err(error) => {
                assert!(!Features::of_this_cpu().allow(name));
                assert_eq!(error, KernelError::Unsupported { name, needs: name.needs() });
            }
        }
    }
}

#[test]
fn the_error_for_an_unknown_name_lists_the_known_ones() {
    let error = HashKernel::by_name("avx1024").unwrap_err();
    assert_eq!(error.to_string(), r#"no kernel is called "avx1024"; the kernels are avx512, sha-ni, avx2, portable"#);
}

#[test]
fn constructors_and_features_agree() {
    let features = Features::of_this_cpu();
    assert_eq!(HashKernel::avx512().is_some(), features.avx512);
    assert_eq!(HashKernel::sha_ni().is_some(), features.sha_ni);
    assert_eq!(HashKernel::avx2().is_some(), features.avx2);
    assert_eq!(HashKernel::portable().name(), "portable");
}

#[cfg(feature = "fault-injection")]
mod broken {
    use cityseal_hash::{HashKernel, HitBuffer, Midstate, SearchInput, double_sha256};

    #[test]
    fn a_kernel_broken_on_purpose_drops_hits_and_flips_bits() {
        let broken = HashKernel::by_name(HashKernel::BROKEN).unwrap();
        assert_eq!(broken.name(), "broken");
        let input = SearchInput { midstates: &[Midstate([0; 8])], tail: [0; 12], top_word_max: u32::MAX };
        let mut hits = HitBuffer::new(1);
        broken.scan(&input, 0, 99, &mut hits);
        assert!(hits.as_slice().is_empty() && !hits.overflow());
        let mut digests = [[0; 32]; 1];
        broken.hash_headers(&[0; 80], &mut digests);
        let mut expected = double_sha256(&[0; 80]);
        assert_ne!(digests[0], expected);
        expected[0] ^= 1;
        assert_eq!(digests[0], expected);
    }
}

from localcloud.records import Memory

MIB = 1024 * 1024


def test_a_machine_has_its_type_s_memory_and_never_more_than_the_most() -> None:
    memory = Memory(1500 * MIB)

    assert memory.of("t3.micro") == 1024 * MIB
    assert memory.of("t3.xlarge") == 1500 * MIB
    assert memory.of("unheard-of") == 1024 * MIB

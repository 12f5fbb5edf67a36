"""What to build where and when: a mixed-integer programme, solved to a stated gap."""

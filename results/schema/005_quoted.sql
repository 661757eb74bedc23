-- Figures of the literature that stand beside modelled rows: the first of them. How each was obtained is kept;
-- a key is the project's version 5 of the other columns, as results/keys.c makes them.

INSERT OR IGNORE INTO quoted (key, system, workload, metric, value, unit, scope, device_kind, process_nm,
    year, source, place, obtained) VALUES
    ('20539883-e714-55e7-a5b3-ca7c9ccc814c', 'CirCNN', NULL, 'dense-equivalent rate',
        0.8, 'TOP/s', 'chip', 'asic', 45, 2017, 'Deng et al., MICRO 2018 (PermDNN)', 'arithmetic on its comparison with CirCNN, taken back to 45 nm', 'derived'),
    ('8d28deb7-dd87-578d-9392-207ad18c236d', 'CirCNN', NULL, 'power',
        0.08, 'W', 'chip', 'asic', 45, 2017, 'Deng et al., MICRO 2018 (PermDNN)', 'arithmetic on its comparison with CirCNN, taken back to 45 nm', 'derived'),
    ('9eddd6ab-41d6-504d-8043-c87db9f22c55', 'CirCNN', NULL, 'dense-equivalent energy efficiency',
        10, 'TOP/s/W', 'chip', 'asic', 45, 2017, 'Deng et al., MICRO 2018 (PermDNN)', 'arithmetic on its comparison with CirCNN, taken back to 45 nm', 'derived'),
    ('da083c57-b96c-513e-9394-42ee439858af', 'CirCNN', NULL, 'energy efficiency over the best before it, least',
        6, 'times', NULL, NULL, NULL, 2017, 'Ding et al., MICRO 2017 (arXiv 1708.08917)', 'abstract: FPGA implementation and ASIC synthesis', 'abstract'),
    ('da0e9110-eaee-5e1d-b415-bd347d3e23c0', 'CirCNN', NULL, 'energy efficiency over the best before it, most',
        102, 'times', NULL, NULL, NULL, 2017, 'Ding et al., MICRO 2017 (arXiv 1708.08917)', 'abstract: FPGA implementation and ASIC synthesis', 'abstract'),
    ('adc0d7a8-69f7-5676-8293-3e66e9165ae9', 'CirCNN', NULL, 'energy efficiency over earlier FPGA work, least',
        60, 'times', NULL, 'fpga', NULL, 2017, 'Ding et al., MICRO 2017 (arXiv 1708.08917)', 'as others quote it', 'secondary'),
    ('b6040698-fe85-5e30-a2e7-762e43f7f9a5', 'CirCNN', NULL, 'energy efficiency over earlier FPGA work, most',
        70, 'times', NULL, 'fpga', NULL, 2017, 'Ding et al., MICRO 2017 (arXiv 1708.08917)', 'as others quote it', 'secondary'),
    ('d326c3ae-c586-568f-83a2-258a955baec6', 'EIE, 64 PE', 'alexnet-fc7', 'frames a second, batch 1',
        81967, '1/s', 'chip', 'asic', 45, 2016, 'Han et al., ISCA 2016 (EIE), as a public repository quotes it', 'comparison of platforms', 'secondary'),
    ('fd282feb-92ef-5512-8157-4ca2bb0d6e01', 'EIE, 64 PE', 'alexnet-fc7', 'power',
        0.59, 'W', 'chip', 'asic', 45, 2016, 'Han et al., ISCA 2016 (EIE), as a public repository quotes it', 'comparison of platforms', 'secondary'),
    ('1169ec54-a29b-5216-ac5b-4968146fd5de', 'EIE, 64 PE', 'alexnet-fc7', 'frames a joule',
        138927, '1/J', 'chip', 'asic', 45, 2016, 'Han et al., ISCA 2016 (EIE), as a public repository quotes it', 'comparison of platforms', 'secondary'),
    ('8e0bfb65-2fbf-542d-9b18-048cf6ba8712', 'EIE, 64 PE', 'alexnet-fc6', 'time of a frame, batch 1',
        30.3, 'us', 'chip', 'asic', 45, 2016, 'Han et al., ISCA 2016 (EIE), as a public repository quotes it', 'wall clock times', 'secondary'),
    ('712d5425-41f8-5611-a463-628a9a46d408', 'EIE, 64 PE', 'alexnet-fc8', 'time of a frame, batch 1',
        9.9, 'us', 'chip', 'asic', 45, 2016, 'Han et al., ISCA 2016 (EIE), as a public repository quotes it', 'wall clock times', 'secondary');

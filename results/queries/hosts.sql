-- the machines, by the facts recorded when each campaign began
SELECT c.name AS campaign, f.key AS fact, f.value
FROM campaign AS c JOIN campaign_fact AS f ON f.campaign = c.key
WHERE :campaign IS NULL OR c.key = :campaign
ORDER BY c.created_ns, c.name, f.position
